"""`python -m failwell.apis.ionq.simulator` is the worker."""

from failwell.apis.ionq.simulator.worker import main

if __name__ == "__main__":
    main()
