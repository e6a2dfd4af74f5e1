"""The catalogue as it lies in `catalogue.yaml`, with its words, and the loader that checks it."""
