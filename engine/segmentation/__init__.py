"""A first label map for a photo: a small network of our own, its files, its training and its scores."""

from engine.segmentation.files import find_segmenter
from engine.segmentation.segmenter import Segmenter, load_segmenter, segmenter_for

__all__ = ["Segmenter", "find_segmenter", "load_segmenter", "segmenter_for"]
