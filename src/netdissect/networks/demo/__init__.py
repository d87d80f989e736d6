"""A small convolutional network of ours, trained by ``train.py`` to tell which concepts a scene shows."""

from netdissect.networks.demo.network import DEMO_LAYERS, DEMO_SIZE, DEMO_SPEC, DemoNetwork, demo_network

__all__ = ["DEMO_LAYERS", "DEMO_SIZE", "DEMO_SPEC", "DemoNetwork", "demo_network"]
