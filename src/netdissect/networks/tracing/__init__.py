"""Following positions through a network: where in the image each element of each tensor looks.

``tracer`` watches operations, ``rules`` knows which is which, ``moves``, ``sums`` and ``sliding`` say what these do, in
the words of ``positions``.
"""
