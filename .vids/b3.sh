. .vids/setup.sh
set +e
V="$PWD/.vids/9EnSwbXxu5g_000056_000066.mp4 $PWD/.vids/OEGarMnMljQ_000007_000017.mp4 $PWD/.vids/qjGPz-JUAt0_000014_000024.mp4"
#timeout 200 python3 -m benchmarks.decode .vids/four.mp4 --rounds 1 --json $OUT/decode.json 2>&1
timeout 200 python3 -m benchmarks.peers $V --servers ours,plain --seconds 3 --rounds 3 --json $OUT/peers.json 2>&1
timeout 170 python3 -m benchmarks.peers $V --servers ours,plain --full-size --seconds 4 --rounds 2 --json $OUT/peersfull.json 2>&1
