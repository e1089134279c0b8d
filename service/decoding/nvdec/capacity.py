"""How many videos a GPU's NVDEC is given."""


def sessions_of(decoder_units: int) -> int:
    """Videos at a time, for so many decoder units: two keep a unit busy, as one waits for its packets or its crops."""
    return 2 * decoder_units
