"""Clouds that are not there. (A package, lest pytest takes `azure` for the name of the first one's tests.)"""
