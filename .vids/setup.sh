set -e
[ -f /opt/ready ] || { bash /opt/p/unpack /opt/p /opt/site > /tmp/unpack.log 2>&1; touch /opt/ready; }
export PYTHONPATH=/opt/site:$PWD
B=$(dirname $(python3 -c "import sys;print(sys.executable)"))
[ -f $B/r3d-serve ] || { printf '#!%s\nfrom service.commands.serve import main\nmain()\n' $(python3 -c "import sys;print(sys.executable)") > $B/r3d-serve; chmod +x $B/r3d-serve; }
