"""Where pipelines run: each process of an execution is a real process, with a cap on its memory.

``python -m failwell.apis.flow.runner`` is one such process. It reads what to do from its first
argument, a file of JSON, and leaves its results in its working directory. It dies with whoever
started it: when its standard input closes.
"""
