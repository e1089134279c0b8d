"""One video to its verdict: the loaded model, and who is served when. Knows nothing of HTTP."""
