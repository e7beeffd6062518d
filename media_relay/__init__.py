"""The RTP relay: a process of its own, controlled by rtpengine's ``ng`` protocol and by nothing else."""
