"""What a decode child may not do, asked of the Linux kernel: a mechanism a file, each usable without privileges."""
