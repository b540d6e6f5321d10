"use strict";
// Draws each plot when it comes near the eye, in the colours of the page; all of them before the page is printed.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Set();

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const axis = { gridcolor: style.getPropertyValue("--line"), linecolor: style.getPropertyValue("--line") };
    return {
      font: { color: style.getPropertyValue("--ink"), family: getComputedStyle(document.body).fontFamily, size: 12 },
      hoverlabel: {
        bgcolor: style.getPropertyValue("--raised"),
        bordercolor: style.getPropertyValue("--line"),
        font: { color: style.getPropertyValue("--ink") },
      },
      axis,
    };
  }

  function dressed(layout) {
    const { axis, ...rest } = colours();
    return { ...layout, ...rest, xaxis: { ...layout.xaxis, ...axis }, yaxis: { ...layout.yaxis, ...axis } };
  }

  function draw(place) {
    const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    drawn.add(place);
    Plotly.react(place, figure.data, dressed(figure.layout), { displayModeBar: false, responsive: true });
  }

  const watcher = new IntersectionObserver(
    (entries) =>
      entries.forEach((entry) => {
        if (!entry.isIntersecting) return;
        watcher.unobserve(entry.target);
        draw(entry.target);
      }),
    { rootMargin: "400px" },
  );
  const places = [...document.querySelectorAll(".plot")];
  places.forEach((place) => watcher.observe(place));
  dark.addEventListener("change", () => drawn.forEach(draw));
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((details) => (details.open = true));
    places.forEach(draw);
  });
  addEventListener("afterprint", () => drawn.forEach(draw));
})();
