"""Parts of an annotation of UA-DETRAC."""

XML = """<?xml version="1.0" encoding="utf-8"?>
<sequence name="MVI_1">
  <sequence_attribute camera_state="stable" sence_weather="night"/>
  <ignored_region><box left="500" top="0" width="100" height="100"/></ignored_region>
  {frames}
</sequence>
"""
TARGET = """<target id="{id}"><box left="{left}" top="10" width="50" height="40"/>
<attribute truncation_ratio="{truncation}"/>{more}</target>"""
OVERLAP = """<occlusion><region_overlap occlusion_id="2" occlusion_status="0"
left="200" top="10" width="30" height="40"/></occlusion>"""
