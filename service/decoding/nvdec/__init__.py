"""Decoding by NVDEC, the video decoder of NVIDIA's GPUs.

The decode child demuxes as before and sends packets to one process per GPU, which drives NVDEC and sends back crops;
the child cuts them into clips. Whatever is amiss, the child decodes the file on the CPU, from its start.
"""
