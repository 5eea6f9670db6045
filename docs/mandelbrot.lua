return function(x, y, limit)
  local zx, zy = 0.0, 0.0
  for n = 0, limit - 1 do
    local xx, yy = zx * zx, zy * zy
    if xx + yy > 4 then return n end
    zy = 2 * zx * zy + y
    zx = xx - yy + x
  end
  return limit
end
