"""Rendering a folder of label maps: resumable, indexed, shared among processes."""
