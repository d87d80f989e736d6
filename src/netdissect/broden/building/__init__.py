"""Makes a Broden out of labelled datasets: their labels are merged by name, and every pixel gets a color."""
