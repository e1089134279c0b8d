"""What programs use that have videos classified: `r3d.client`."""
