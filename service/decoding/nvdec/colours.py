"""How swscale makes RGB of luma and chroma, as whole numbers: what the kernel computes with."""

from dataclasses import dataclass

from .wire import Stream

# FFmpeg's tables of matrices (libswscale/yuv2rgb.c): Cr to red, Cb to blue, Cb and Cr to green, in 1/65536.
BT601 = (104597, 132201, 25675, 53279)
BT2020 = (110013, 140363, 12277, 42626)
LUMA_SPAN, CHROMA_SPAN, BLACK = 219, 224, 16


@dataclass(frozen=True)
class Colours:
    """Factors in 1/8192; the luma's offset in eighths, as swscale shifts samples by three bits before it multiplies."""

    luma: int
    luma_offset: int
    red_of_cr: int
    green_of_cb: int
    green_of_cr: int
    blue_of_cb: int

    @classmethod
    def of(cls, stream: Stream) -> "Colours":
        """Those of a stream's matrix and range."""
        factors = BT2020 if stream.wide else BT601
        if stream.full_range:
            factors = tuple(factor * CHROMA_SPAN // 255 for factor in factors)  # type: ignore[assignment]
        red, blue, green_of_cb, green_of_cr = factors
        return cls(
            luma=_in_8192(65536 if stream.full_range else 65536 * 255 // LUMA_SPAN),
            luma_offset=0 if stream.full_range else BLACK * 8,
            red_of_cr=_in_8192(red),
            green_of_cb=_in_8192(-green_of_cb),
            green_of_cr=_in_8192(-green_of_cr),
            blue_of_cb=_in_8192(blue),
        )


def _in_8192(factor: int) -> int:
    """Of 1/65536 to 1/8192, rounded."""
    return (factor * 8192 + 32768) >> 16
