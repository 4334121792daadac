"""`python -m failwell.apis.toolpath.engine` is the worker."""

from failwell.apis.toolpath.engine.worker import main

if __name__ == "__main__":
    main()
