"""What every page is made of: sections, folders, images, and top images under masks."""
