module unnamed

go 1.19
