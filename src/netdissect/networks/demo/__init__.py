"""The demo network: a small convolutional network, trained by ``train.py`` to recognize the concepts of a scene."""

from netdissect.networks.demo.network import DEMO_LAYERS, DEMO_SIZE, DEMO_SPEC, DemoNetwork, demo_network

__all__ = ["DEMO_LAYERS", "DEMO_SIZE", "DEMO_SPEC", "DemoNetwork", "demo_network"]
