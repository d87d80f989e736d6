"""Tracing receptive fields through a network: the part of the image that each element of each tensor depends on.

``tracer`` watches the operations that a network executes, and ``rules`` chooses a rule for each. The rules are in
``rearranging``, ``reductions`` and ``windows``, and compute with the fields of ``positions``.
"""
