"""Build a Broden from labelled datasets: labels are merged by name, and every pixel gets a color."""
