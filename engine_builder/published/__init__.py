"""The weights that torchvision publishes: found, downloaded, kept."""
