"""Types of the arrays of painting. Each has a height and a width, of which either may be 1."""

import numpy as np
from jaxtyping import Bool, Float32

Numbers = Float32[np.ndarray, "..."]
Truths = Bool[np.ndarray, "..."]
