import { render } from "preact";
import { App } from "./app";
import { begin } from "./state";
import "./style.css";
import "./style/map.css";
import "./style/rail.css";
import "./style/drawer.css";
import "./style/narrow.css";

begin();
render(<App />, document.getElementById("app")!);
