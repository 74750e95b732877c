"""Training on a folder of photos and label maps: data, loss, loop, validation, export."""
