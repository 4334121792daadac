"""`python -m failwell.apis.matcraft.engine` is a worker."""

from failwell.apis.matcraft.engine.worker import main

if __name__ == "__main__":
    main()
