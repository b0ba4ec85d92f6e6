"""Whose array is it, and what must its namespace offer?"""
