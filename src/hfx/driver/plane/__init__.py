"""The plane of two labels: axes, points, interpolation between them, contours, and distances between contours."""
