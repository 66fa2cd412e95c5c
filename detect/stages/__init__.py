"""What each command does, as a function: options in, a typed result out; no printing, no click."""

from detect.stages.propose import ProposeOptions, ProposeResult, propose

__all__ = ["ProposeOptions", "ProposeResult", "propose"]
