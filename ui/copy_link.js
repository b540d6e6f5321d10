// Copies the address of the page as it is at the click: Streamlit keeps it up to date without running this again.

function copyBySelection(text) {
  // Outside of a secure context (plain http from another machine) there is no clipboard to write to.
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button");
  const status = parentElement.querySelector("[role=status]");
  button.textContent = data.label;
  button.title = data.help;
  button.onclick = async () => {
    const address = window.location.href;
    status.textContent = (await copyText(address)) ? data.copied : `${data.failed} ${address}`;
  };
}
