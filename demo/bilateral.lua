-- An edge-preserving blur: each pixel becomes a mean of its neighbours, where
-- those that are near, and of a similar colour, count most (the bilateral
-- filter of Tomasi and Manduchi, 1998).

local M = {}

-- One pixel of the picture. `photo` and `out` have three planes: red, green and
-- blue. The window is cut off at the picture's border.
function M.bilateral(y, x, photo, out, radius, sigma_space, sigma_colour)
  local reds, greens, blues = photo[1], photo[2], photo[3]
  local height, width = #reds, photo:size(3)
  local space = -0.5 / sigma_space ^ 2
  local colour = -0.5 / sigma_colour ^ 2
  local r, g, b = reds[y][x], greens[y][x], blues[y][x]
  local r_sum, g_sum, b_sum, weights = 0.0, 0.0, 0.0, 0.0

  for v = math.max(1, y - radius), math.min(height, y + radius) do
    local dv = (v - y) * (v - y)
    for u = math.max(1, x - radius), math.min(width, x + radius) do
      local ru, gu, bu = reds[v][u], greens[v][u], blues[v][u]
      local dr, dg, db = ru - r, gu - g, bu - b
      local weight = math.exp(space * (dv + (u - x) * (u - x)) +
                              colour * (dr * dr + dg * dg + db * db))
      r_sum = r_sum + weight * ru
      g_sum = g_sum + weight * gu
      b_sum = b_sum + weight * bu
      weights = weights + weight
    end
  end
  out[1][y][x] = r_sum / weights
  out[2][y][x] = g_sum / weights
  out[3][y][x] = b_sum / weights
end

return M
