"""What may happen to files."""


def cut(path, share=0.5):
    """Leaves the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
