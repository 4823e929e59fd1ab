// The browser's tab: its title, and its icon with a number.
import { find } from '../dom.js';

/** Draws a text of one to three characters as the icon of the tab; `rings`: somebody is called. */
export const badge = (text, rings) => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 32;
  const paper = canvas.getContext('2d');
  paper.fillStyle = rings ? '#f6b93b' : '#12363d';
  paper.fillRect(0, 0, 32, 32);
  paper.fillStyle = rings ? '#1f1600' : '#fff';
  paper.font = 'bold 22px sans-serif';
  paper.textAlign = 'center';
  paper.fillText(text, 16, 24);
  const icon = find('link[rel=icon]');
  icon.type = 'image/png';
  icon.href = canvas.toDataURL();
};
