"""Pictures for the training scenes: procedural textures, and the photographs scikit-image and scikit-learn ship.

Every function returns float32 [n, 3, size, size] in 0..1 on the device it is given.
"""

import importlib.util
import math
from pathlib import Path

import torch
import torch.nn.functional as F

# Freely licensed; see the data/README.txt of scikit-image and datasets/images/README.txt of scikit-learn.
PHOTOS = {
    "skimage": [f"data/{name}" for name in (
        "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png",
        "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "page.png",
        "retina.jpg", "rocket.jpg", "text.png")],
    "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"],
}  # fmt: skip


def load_photos(device: torch.device) -> list[torch.Tensor]:
    """The photographs that are installed, each float32 [3, H, W] in 0..1."""
    import cv2

    photos = []
    for package, names in PHOTOS.items():
        spec = importlib.util.find_spec(package)
        root = Path(spec.origin).parent if spec and spec.origin else Path()
        for name in names:
            picture = cv2.imread(str(root / name), cv2.IMREAD_COLOR) if spec else None
            if picture is not None:
                rgb = torch.from_numpy(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).to(device)
                photos.append(rgb.permute(2, 0, 1).float() / 255)
    return photos


def rand(*shape: int, low: float = 0.0, high: float = 1.0, device: torch.device) -> torch.Tensor:
    """Uniform float32 values in [low, high)."""
    return torch.rand(shape, device=device) * (high - low) + low


def spectral(n: int, size: int, device: torch.device) -> torch.Tensor:
    """Coloured noise with a 1/f^a spectrum, a in 0.7..1.9: clouds, gravel, foliage."""
    fy = torch.fft.fftfreq(size, device=device)[:, None]
    fx = torch.fft.rfftfreq(size, device=device)[None]
    radius = (fx**2 + fy**2).sqrt().clamp_min(1 / size)
    exponent = rand(n, 1, 1, 1, low=0.7, high=1.9, device=device)
    spectrum = torch.fft.rfft2(torch.randn(n, 3, size, size, device=device)) * radius**-exponent
    noise = torch.fft.irfft2(spectrum, s=(size, size))
    noise = noise / noise.std(dim=(2, 3), keepdim=True)
    mixing = torch.randn(n, 3, 3, device=device) * 0.4 + rand(n, 1, 1, device=device)
    noise = torch.einsum("nij,njhw->nihw", mixing, noise)
    return (noise * 0.2 + rand(n, 3, 1, 1, low=0.2, high=0.8, device=device)).clamp(0, 1)


def collage(n: int, size: int, device: torch.device, shapes: int = 70) -> torch.Tensor:
    """Overlapping rectangles and ellipses of flat or shaded colour: buildings, rooms, things."""
    axis = torch.linspace(-1, 1, size, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    picture = F.interpolate(rand(n, 3, 3, 3, device=device), size=(size, size), mode="bicubic").clamp(0, 1)
    for index in range(shapes):
        scale = 0.7 * (1 - index / shapes) + 0.03
        cx, cy = rand(2, n, 1, 1, low=-1, high=1, device=device)
        half = rand(2, n, 1, 1, low=0.1, high=1.0, device=device) * scale
        angle = rand(n, 1, 1, low=0, high=math.pi, device=device) * (torch.rand(n, 1, 1, device=device) < 0.4)
        u = ((x - cx) * angle.cos() + (y - cy) * angle.sin()) / half[0]
        v = ((y - cy) * angle.cos() - (x - cx) * angle.sin()) / half[1]
        round_ = torch.rand(n, 1, 1, device=device) < 0.4
        inside = torch.where(round_, u**2 + v**2 < 1, (u.abs() < 1) & (v.abs() < 1))
        shade = rand(n, 3, 1, 1, device=device) + 0.25 * u[:, None] * rand(n, 1, 1, 1, low=-1, device=device)
        picture = torch.where(inside[:, None], shade.clamp(0, 1), picture)
    return picture


def stripes(n: int, size: int, device: torch.device) -> torch.Tensor:
    """Warped two-way gratings over coloured noise: fences, windows, tiles."""
    axis = torch.linspace(0, 1, size, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    warp = F.interpolate(torch.randn(n, 2, 7, 7, device=device), size=(size, size), mode="bicubic") * 0.03
    angle = rand(n, 1, 1, high=math.pi, device=device)
    frequency = rand(2, n, 1, 1, low=4, high=30, device=device) * 2 * math.pi
    u, v = x + warp[:, 0], y + warp[:, 1]
    first = torch.sin((u * angle.cos() + v * angle.sin()) * frequency[0])
    second = torch.sin((v * angle.cos() - u * angle.sin()) * frequency[1])
    sharp = rand(n, 1, 1, low=1, high=8, device=device)
    mask = torch.sigmoid(sharp * first * second)[:, None]
    base = spectral(n, size, device)
    return base * mask + base.flip(0) * (1 - mask)


def crops(photos: list[torch.Tensor], n: int, size: int, device: torch.device) -> torch.Tensor:
    """Photographs cut, turned, mirrored, recoloured."""
    out = torch.empty(n, 3, size, size, device=device)
    axis = torch.linspace(-1, 1, size, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    for index in range(n):
        photo = photos[int(torch.randint(len(photos), ()))]
        scale, turn = float(torch.rand(()) * 0.8 + 0.35), float(torch.randn(()) * 0.4)
        flip = 1 if torch.rand(()) < 0.5 else -1
        shift = (torch.rand(2) * 2 - 1) * 0.6
        u = (x * math.cos(turn) - y * math.sin(turn)) * scale * flip + float(shift[0])
        v = (x * math.sin(turn) + y * math.cos(turn)) * scale + float(shift[1])
        v = v * photo.shape[2] / photo.shape[1]
        grid = torch.stack((u, v), dim=-1)[None]
        out[index] = F.grid_sample(photo[None], grid, padding_mode="reflection", align_corners=False)[0]
    gain = rand(n, 3, 1, 1, low=0.8, high=1.2, device=device)
    return (out * gain).clamp(0, 1) ** rand(n, 1, 1, 1, low=0.7, high=1.4, device=device)


def mixed(photos: list[torch.Tensor], n: int, size: int, device: torch.device) -> torch.Tensor:
    """A shuffled bank: photographs (half, where there are any), collages, noise, gratings."""
    photo_count = n // 2 if photos else 0
    rest = n - photo_count
    counts = [rest // 3, rest // 4, rest - rest // 3 - rest // 4]
    parts = [crops(photos, photo_count, size, device)] if photo_count else []
    parts += [spectral(counts[0], size, device), stripes(counts[1], size, device), collage(counts[2], size, device)]
    bank = torch.cat(parts)
    bank = bank[torch.randperm(n, device=device)]
    # Detail over flat areas, so that most pictures carry some texture everywhere, as footage does.
    detail = torch.cat([spectral(min(32, n), size, device)] * (n // min(32, n) + 1))[:n] - 0.5
    return (bank + detail * rand(n, 1, 1, 1, high=0.25, device=device)).clamp(0, 1)


def scenes(photos: list[torch.Tensor], n: int, size: int, device: torch.device) -> torch.Tensor:
    """As `mixed`, a quarter of them out of focus or nearly plain: a wall, a stage, the sky behind somebody."""
    bank = mixed(photos, n, size, device)
    vague = n // 4
    small = F.adaptive_avg_pool2d(bank[:vague], int(torch.randint(4, 24, ())))
    blurred = F.interpolate(small, size=(size, size), mode="bicubic").clamp(0, 1)
    middle = bank[:vague].mean((2, 3), keepdim=True)
    plain = torch.lerp(middle, blurred, rand(vague, 1, 1, 1, device=device))
    bank[:vague] = torch.lerp(plain, bank[:vague], rand(vague, 1, 1, 1, high=0.4, device=device) ** 2)
    return bank
