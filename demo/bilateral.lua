-- An edge-preserving blur: each pixel becomes a mean of its neighbours, where
-- those that are near, and of a similar colour, count most (the bilateral
-- filter of Tomasi and Manduchi, 1998).

local M = {}

-- One row of the picture. `photo` and `out` have three planes: red, green and
-- blue. The window is cut off at the picture's border.
function M.bilateral(y, photo, out, radius, sigma_space, sigma_colour)
  local planes = { photo[1], photo[2], photo[3] }
  local height, width = #planes[1], photo:size(3)
  local space = -0.5 / sigma_space ^ 2
  local colour = -0.5 / sigma_colour ^ 2
  local exp, max, min = math.exp, math.max, math.min
  local r0, g0, b0 = planes[1][y], planes[2][y], planes[3][y]
  local r_out, g_out, b_out = out[1][y], out[2][y], out[3][y]

  for x = 1, width do
    local r, g, b = r0[x], g0[x], b0[x]
    local r_sum, g_sum, b_sum, weights = 0.0, 0.0, 0.0, 0.0
    local left, right = max(1, x - radius), min(width, x + radius)
    for v = max(1, y - radius), min(height, y + radius) do
      local red, green, blue = planes[1][v], planes[2][v], planes[3][v]
      local dv = (v - y) * (v - y)
      for u = left, right do
        local ru, gu, bu = red[u], green[u], blue[u]
        local dr, dg, db = ru - r, gu - g, bu - b
        local weight = exp(space * (dv + (u - x) * (u - x)) +
                           colour * (dr * dr + dg * dg + db * db))
        r_sum = r_sum + weight * ru
        g_sum = g_sum + weight * gu
        b_sum = b_sum + weight * bu
        weights = weights + weight
      end
    end
    r_out[x], g_out[x], b_out[x] = r_sum / weights, g_sum / weights, b_sum / weights
  end
end

return M
