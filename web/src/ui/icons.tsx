import type { ReactNode } from 'react';

/** Line icons on a 24-unit grid. Decorative: the control that holds one has the name. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

const slash = <path d="M4 4l16 16" />;
const mic = (
  <>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
  </>
);
const camera = (
  <>
    <rect x="3" y="6.5" width="12" height="11" rx="2.5" />
    <path d="M15 10.8l5.2-3v8.4l-5.2-3z" />
  </>
);

export const MicIcon = () => <Icon>{mic}</Icon>;
export const MicOffIcon = () => (
  <Icon>
    {mic}
    {slash}
  </Icon>
);
export const CameraIcon = () => <Icon>{camera}</Icon>;
export const CameraOffIcon = () => (
  <Icon>
    {camera}
    {slash}
  </Icon>
);
export const TextIcon = () => (
  <Icon>
    <path d="M4.5 5.5h15a1.5 1.5 0 0 1 1.5 1.5v8.5a1.5 1.5 0 0 1-1.5 1.5H11l-4.5 3.5V17h-2A1.5 1.5 0 0 1 3 15.500V7a1.5 1.5 0 0 1 1.5-1.500zM7.5 9.700h9M7.5 13h5.5" />
  </Icon>
);
export const HangUpIcon = () => (
  <Icon>
    <path d="M3 14.500c5-5.3 13-5.3 18 0l-2.2 2.3-3.6-1.600v-2.300a11 11 0 0 0-6.4 0v2.300l-3.6 1.600z" />
  </Icon>
);
export const NextIcon = () => (
  <Icon>
    <path d="M5 12h13M13 6.500l5.5 5.5-5.5 5.5" />
  </Icon>
);
export const StopIcon = () => (
  <Icon>
    <path d="M6 6l12 12M18 6L6 18" />
  </Icon>
);
export const FlagIcon = () => (
  <Icon>
    <path d="M6 21V4.500M6 5c4-2.5 7.5 2 12 0v8.500c-4.5 2-8-2.5-12 0" />
  </Icon>
);
export const BlockIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M6 6l12 12" />
  </Icon>
);
export const ClearIcon = () => (
  <Icon>
    <path d="M8.5 19.500L4 15a1.5 1.5 0 0 1 0-2.100L12.9 4a1.5 1.5 0 0 1 2.1 0l5 5a1.5 1.5 0 0 1 0 2.100l-8.4 8.400zM8.5 8.500l7 7M8.5 19.500H20" />
  </Icon>
);
export const SendIcon = () => (
  <Icon>
    <path d="M12 19.500V5M6 10.500L12 4.500l6 6" />
  </Icon>
);
export const PersonIcon = () => (
  <Icon>
    <circle cx="12" cy="8" r="3.8" />
    <path d="M4.5 20c.8-4 3.8-6 7.5-6s6.7 2 7.5 6" />
  </Icon>
);
export const ClipIcon = () => (
  <Icon>
    <path d="M19.500 11.500l-7.700 7.700a4.600 4.600 0 0 1-6.500-6.500l8-8a3.100 3.100 0 0 1 4.400 4.400l-7.900 7.900a1.500 1.500 0 0 1-2.200-2.200l7.200-7.200" />
  </Icon>
);
export const FileIcon = () => (
  <Icon>
    <path d="M6 4.500A1.500 1.500 0 0 1 7.500 3H13.500L18.500 8V19.500A1.500 1.500 0 0 1 17 21H7.500A1.500 1.500 0 0 1 6 19.500zM13.500 3V8H18.500M9 13h6M9 16.500h4" />
  </Icon>
);
export const DownloadIcon = () => (
  <Icon>
    <path d="M12 4v11M7 10.500l5 5 5-5M4.500 19.500h15" />
  </Icon>
);
export const PlayIcon = () => (
  <Icon>
    <path d="M8 5.500v13l11-6.500z" fill="currentColor" />
  </Icon>
);
export const PauseIcon = () => (
  <Icon>
    <path d="M8.500 6v12M15.500 6v12" strokeWidth="3.200" />
  </Icon>
);
export const BackIcon = () => (
  <Icon>
    <path d="M19 12H6M11.500 6.500L6 12l5.500 5.500" />
  </Icon>
);
export const DownIcon = () => (
  <Icon>
    <path d="M12 5v13.500M6.500 13l5.500 5.500 5.500-5.500" />
  </Icon>
);
export const PlusIcon = () => (
  <Icon>
    <path d="M12 5v14M5 12h14" />
  </Icon>
);
export const GroupIcon = () => (
  <Icon>
    <circle cx="9" cy="8.500" r="3.300" />
    <path d="M2.500 19.500c.6-3.500 3.200-5.500 6.500-5.500s5.900 2 6.500 5.500M15.500 5.600a3.300 3.300 0 0 1 0 5.900M18 14.600c2 .8 3.200 2.500 3.600 4.900" />
  </Icon>
);
export const RoomIcon = () => (
  <Icon>
    <path d="M9.500 4.500l-2 15M16.500 4.500l-2 15M4.500 9h15.500M4 15h15.500" />
  </Icon>
);
export const MoreIcon = () => (
  <Icon>
    <path d="M5.500 12h.01M12 12h.01M18.500 12h.01" strokeWidth="2.800" />
  </Icon>
);
export const InfoIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="8.500" />
    <path d="M12 11.200v5M12 7.900h.01" />
  </Icon>
);
export const EditIcon = () => (
  <Icon>
    <path d="M4.500 19.500l1-4L15.800 5.200a1.700 1.700 0 0 1 2.400 0l.6.6a1.700 1.700 0 0 1 0 2.400L8.500 18.500z" />
  </Icon>
);
export const BinIcon = () => (
  <Icon>
    <path d="M5 7h14M10 7V4.800h4V7M7 7l.8 12.500h8.400L17 7M10.500 10.500v5.500M13.500 10.500v5.500" />
  </Icon>
);
