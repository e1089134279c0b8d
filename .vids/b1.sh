. .vids/setup.sh
lscpu | grep -E "Model name|^CPU\(s\)|^Model:" ; lscpu | grep -oE "amx_int8|avx512_bf16|avx512_vnni" | sort -u | tr '\n' ' '
V=$(ls $PWD/.vids/*.mp4)
timeout 200 python3 -m benchmarks.decode .vids/9EnSwbXxu5g_000056_000066.mp4 --rounds 3 --json $OUT/decode.json
timeout 330 python3 -m benchmarks.peers $V --servers $(python3 -c "
from benchmarks.harness.peers import PEERS
print(','.join(n for n in PEERS if 'bento' not in n.lower() and 'ray' not in n.lower() and 'onnx' not in n.lower()))") --seconds 8 --rounds 3 --json $OUT/peers.json
