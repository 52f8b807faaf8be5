"""Rubber band: the rectangle in a slice view that follows the mouse."""

from __future__ import annotations

from typing import Any

import vtk

COLOUR = (1.0, 1.0, 0.0)
"""As the outlines that Segment Editor's own effects draw."""
CORNERS = 4


class RubberBand:
    """A rectangle in one slice view, hidden until it is stretched.

    Args:
        effect: The scripted effect, which has the renderers of the views.
        view: The slice view's widget.
    """

    def __init__(self, effect: Any, view: Any) -> None:
        self._effect, self._view = effect, view
        self.points = vtk.vtkPoints()
        self.points.SetNumberOfPoints(CORNERS)
        outline = vtk.vtkCellArray()
        outline.InsertNextCell(CORNERS + 1)
        for corner in (*range(CORNERS), 0):
            outline.InsertCellPoint(corner)
        shape = vtk.vtkPolyData()
        shape.SetPoints(self.points)
        shape.SetLines(outline)
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputData(shape)
        self.actor = vtk.vtkActor2D()
        self.actor.SetMapper(mapper)
        self.actor.GetProperty().SetColor(*COLOUR)
        self.actor.VisibilityOff()
        effect.addActor2D(view, self.actor)

    def stretch(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Show it between two places, in pixels of the view."""
        (x0, y0), (x1, y1) = start, end
        for corner, (x, y) in enumerate(((x0, y0), (x1, y0), (x1, y1), (x0, y1))):
            self.points.SetPoint(corner, x, y, 0)
        self.points.Modified()
        self.actor.VisibilityOn()
        self._view.sliceView().scheduleRender()

    def remove(self) -> None:
        """Take it out of the view."""
        self._effect.removeActor2D(self._view, self.actor)
        self._view.sliceView().scheduleRender()
