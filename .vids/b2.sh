. .vids/setup.sh
set +e
V=$(ls $PWD/.vids/*.mp4)
S=ours,plain,pytorch,litserve
timeout 280 python3 -m benchmarks.peers $V --servers $S --seconds 6 --rounds 2 --json $OUT/peers.json 2>&1
timeout 270 python3 -m benchmarks.peers $V --servers ours,plain,litserve --full-size --seconds 8 --rounds 2 --json $OUT/peersfull.json 2>&1
