"""torchvision's r3d_18 at any width, with its `state_dict()` names (arXiv 1711.11248, torchvision `VideoResNet`)."""

import torch
from torch import nn


def _conv(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    conv = nn.Conv3d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(channels_out), nn.ReLU(inplace=True))


class BasicBlock(nn.Module):
    """Two 3 x 3 x 3 convolutions and a shortcut."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels_in, channels_out, stride)
        self.conv2 = _conv(channels_out, channels_out, 1)[:2]
        self.downsample = None
        if stride != 1 or channels_in != channels_out:
            shortcut = nn.Conv3d(channels_in, channels_out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(channels_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.conv2(self.conv1(x)) + shortcut)


class R3D18(nn.Module):
    """r3d_18 with `width` channels in the stem (torchvision: 64).

    Takes normalised clips, float [N, 3, T, H, W]; returns logits, float [N, classes].
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        stem = nn.Conv3d(3, width, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm3d(width), nn.ReLU(inplace=True))
        channels = width
        for index, stride in enumerate((1, 2, 2, 2)):
            out = width << index
            blocks = nn.Sequential(BasicBlock(channels, out, stride), BasicBlock(out, out, 1))
            self.add_module(f"layer{index + 1}", blocks)
            channels = out
        self.fc = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        x = self.stem(clips)
        for index in range(4):
            x = getattr(self, f"layer{index + 1}")(x)
        return self.fc(x.float().mean(dim=(2, 3, 4)))
