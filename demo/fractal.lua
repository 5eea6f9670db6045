-- The Mandelbrot set, with a count of steps that has no jumps.

local M = {}

-- How soon z = z^2 + c leaves the circle of radius 16, for c = x + iy; 0 where
-- it does not within `limit` steps.
function M.mandelbrot(x, y, limit)
  local zx, zy = 0.0, 0.0
  for n = 1, limit do
    local xx, yy = zx * zx, zy * zy
    if xx + yy > 256 then
      return n - math.log(0.5 * math.log(xx + yy) / math.log(16), 2)
    end
    zy = 2 * zx * zy + y
    zx = xx - yy + x
  end
  return 0.0
end

return M
