// Decoded frames' crops: what the CPU makes of the same frames, to the bit.
//
// Only pixels that the resized crop looks at are read: two lines and two columns for each pixel of the crop. They become
// RGB by the arithmetic of FFmpeg's swscale (x86-64), and are interpolated by that of OpenCV's INTER_LINEAR_EXACT: see
// service/decoding/pixels. tests/support/nvdec/arithmetic.py says the same in NumPy, and is compared with the CPU.
// crops.ptx is made of this file by tests/gpu/make_ptx.py.

struct Plane {
    const void *samples;
    int pitch;    // samples from one line to the next
    int lines;    // of the plane of chroma
    int bits;     // 8, or more: then a sample has 16, its value in the upper ones
};

struct Colours {  // in fractions of 1/8192; the luma's offset in eighths
    int luma, luma_offset, red_of_cr, green_of_cb, green_of_cr, blue_of_cb;
};

__device__ static int sample(const Plane plane, int line, int column)
{
    int place = line * plane.pitch + column;
    if (plane.bits == 8)
        return ((const unsigned char *)plane.samples)[place];
    return ((const unsigned short *)plane.samples)[place] >> (16 - plane.bits);
}

__device__ static int in_8_bits(int value, int shift)
{
    value = (value + (1 << shift >> 1)) >> shift;
    return value < 255 ? value : 255;
}

__device__ static int luma_at(const Plane plane, int line, int column)
{
    return in_8_bits(sample(plane, line, column), plane.bits - 8);
}

// With more than 8 bits swscale interpolates between lines of chroma; the nearer one counts three times.
__device__ static int chroma_at(const Plane plane, int line, int column, int part)
{
    int place = column / 2 * 2 + part, near = line / 2;
    int value = sample(plane, near, place);
    if (plane.bits == 8)
        return value;
    int other = near + (line % 2 ? 1 : -1);
    other = other < 0 ? 0 : other >= plane.lines ? plane.lines - 1 : other;
    return in_8_bits(3 * value + sample(plane, other, place), plane.bits - 6);
}

__device__ static int clip(int value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

__device__ static void rgb_at(const Plane luma, const Plane chroma, const Colours colours, int line, int column, int *rgb)
{
    int y = ((luma_at(luma, line, column) * 8 - colours.luma_offset) * colours.luma) >> 16;
    int cb = chroma_at(chroma, line, column, 0) * 8 - 1024;
    int cr = chroma_at(chroma, line, column, 1) * 8 - 1024;
    rgb[0] = clip(y + ((cr * colours.red_of_cr) >> 16));
    rgb[1] = clip(y + ((cb * colours.green_of_cb) >> 16) + ((cr * colours.green_of_cr) >> 16));
    rgb[2] = clip(y + ((cb * colours.blue_of_cb) >> 16));
}

struct Frames {
    const unsigned char *luma[16];    // of each; its chroma follows
};

// A layer of the grid is a frame. `height`: lines of luma.
// `lines` and `columns`: for each of the crop's the two that it lies between, and the weight of the second, of 256.
// `crops`: [frames, n_lines, n_columns, 3].
extern "C" __global__ void crop(
    const Frames frames, int pitch, int height, int bits,
    const int *lines, int n_lines, const int *columns, int n_columns,
    int luma, int luma_offset, int red_of_cr, int green_of_cb, int green_of_cr, int blue_of_cb, unsigned char *crops)
{
    int column = blockIdx.x * blockDim.x + threadIdx.x, line = blockIdx.y * blockDim.y + threadIdx.y;
    if (line >= n_lines || column >= n_columns)
        return;
    const unsigned char *samples = frames.luma[blockIdx.z];
    const Plane y = {samples, pitch, 0, bits};
    const Plane uv = {samples + (long long)pitch * height * (bits == 8 ? 1 : 2), pitch, (height + 1) / 2, bits};
    unsigned char *crop = crops + (long long)blockIdx.z * n_lines * n_columns * 3;
    const Colours colours = {luma, luma_offset, red_of_cr, green_of_cb, green_of_cr, blue_of_cb};
    const int *rows = lines + 3 * line, *sides = columns + 3 * column;
    int rgb[2][2][3];
    for (int row = 0; row < 2; row++)
        for (int side = 0; side < 2; side++)
            rgb_at(y, uv, colours, rows[row], sides[side], rgb[row][side]);
    for (int part = 0; part < 3; part++) {
        int upper = rgb[0][0][part] * (256 - sides[2]) + rgb[0][1][part] * sides[2];
        int lower = rgb[1][0][part] * (256 - sides[2]) + rgb[1][1][part] * sides[2];
        crop[(line * n_columns + column) * 3 + part] = (upper * (256 - rows[2]) + lower * rows[2] + 32768) >> 16;
    }
}
