"""TFRecord files for probvae: see plugin.py for the list of components."""
