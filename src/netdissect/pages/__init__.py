"""The kit of all pages: sections and their parts, folders, images, and top images under masks."""
