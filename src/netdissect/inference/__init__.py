"""Running a network over images: reading, preprocessing, capturing what layers return, and differentiating it."""
