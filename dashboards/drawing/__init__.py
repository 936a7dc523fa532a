"""What dashboards are drawn with: asks, looks, panels, boards. The only room of grafana-foundation-sdk."""
