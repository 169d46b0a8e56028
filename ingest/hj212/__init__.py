"""HJ 212-2017: how stations that watch pollution sources report."""
