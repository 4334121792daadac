"""`python -m failwell.apis.ionworks.solver` is the worker."""

from failwell.apis.ionworks.solver.worker import main

if __name__ == "__main__":
    main()
