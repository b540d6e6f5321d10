// Two copies' probabilities from one axis: the live model's grow to the left, the chosen copy's to the right. Which copy
// stands on the right is chosen here; a single model has bars on one side.

const pictures = new WeakMap()

export default function ({ parentElement, data }) {
  const picture = pictures.get(parentElement) ?? { find: selector => parentElement.querySelector(selector), chosen: null }
  pictures.set(parentElement, picture)
  picture.data = data
  if (!data.copies.some(({ key }) => key === picture.chosen)) picture.chosen = data.chosen
  drawChoices(picture)
  draw(picture)
}

function drawChoices(picture) {
  const box = picture.find("fieldset")
  const keys = picture.data.copies.map(({ key }) => key).join()
  if (box.dataset.keys !== keys) {
    box.dataset.keys = keys
    box.replaceChildren(box.firstElementChild, ...picture.data.copies.map(makeChoice))
  }
  for (const input of box.querySelectorAll("input")) {
    const { name, values } = picture.data.copies.find(({ key }) => key === input.value)
    input.checked = input.value === picture.chosen
    input.nextElementSibling.textContent = values ? `${name}: ${answer(picture.data, values)}` : `${name}: no answer`
    input.onchange = () => {
      picture.chosen = input.value
      draw(picture)
    }
  }
}

function makeChoice({ key }) {
  const label = make("label", "choice")
  const input = document.createElement("input")
  Object.assign(input, { type: "radio", name: "copy", value: key })
  label.append(input, make("span", ""))
  return label
}

function draw({ data, find, chosen }) {
  const copy = data.copies.find(({ key }) => key === chosen)
  const [left, right] = copy ? [data.left.values, copy.values] : [null, data.left.values]
  find(".picture").classList.toggle("single", !copy)
  find(".left-name").textContent = copy ? data.left.name : ""
  find(".right-name").textContent = copy ? copy.name : data.left.name
  const rows = makeRows(find(".bars"), data.labels)
  const best = indexOfLargest(data.left.values)
  rows.forEach((row, index) => drawRow(row, left?.[index], right?.[index], index === best))
  const text = sentence(data, copy)
  if (find(".message").textContent !== text) find(".message").textContent = text
  find(".bars").setAttribute("aria-label", text)
}

function answer({ labels }, values) {
  return labelOfLargest(labels, values)
}

function sentence(data, copy) {
  const live = answer(data, data.left.values)
  if (!copy) return `It sees a ${live}, and is ${percent(Math.max(...data.left.values))} sure.`
  if (!copy.values) return `${copy.name} gives no answer. ${copy.note}`
  const other = answer(data, copy.values)
  return other === live ? `Both see a ${live}. ${copy.note}` : `The live model sees a ${live}, ${copy.name} a ${other}. ${copy.note}`
}
